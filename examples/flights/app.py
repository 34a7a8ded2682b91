"""The app: what it serves, who delays a flight, the time zone in which a bare date means midnight, what to try first."""

from typing import Annotated

from examples.flights.model import Airline, Airport, Flight, Plane
from examples.flights.seed import seed
from kingpost import Actor, App, Context, me, role, this
from kingpost.constraints import Gt

app = App(
    "flights",
    timezone="America/New_York",
    entities=[Airline, Airport, Plane, Flight],
    actors={  # as whom to call while developing: kingpost token examples.flights --as uma
        "uma": Actor("uma", frozenset({"dispatcher"}), {"airline": "UA"}),
        "dan": Actor("dan", frozenset({"dispatcher"}), {"airline": "DL"}),
        "ada": Actor("ada", frozenset({"admin"})),
        "ron": Actor("ron"),  # a reader: known, without a role
    },
)
app.seed(seed)


@app.action(policy=role("dispatcher") & (this.airline == me.airline))
async def delay(ctx: Context, flight: Flight, minutes: Annotated[int, Gt(0)], reason: str) -> Flight:
    """Delay a departure."""
    return await ctx.update(flight, dep_delay=(flight.dep_delay or 0) + minutes, remarks=reason)


TRY = [
    "/v1/flights?airline=UA&departs_at[gte]=2013-07-01&include=origin,dest,plane&sort=departs_at&limit=3",
    "/v1/flights?origin.faa=JFK&sort=-dep_delay&fields=number,departs_at,dep_delay&limit=5",
    "/v1/flights?group=airline&aggregate=count,avg:dep_delay&having=count[gt]=1000&sort=-avg:dep_delay",
    "/v1/airlines?include=flights.plane&flights.limit=2&limit=2",
    "/v1/flights?airlin=UA",
]

# A write to try, and as whom.
TRY_WRITE = (
    "uma",
    "/v1/flights/013bf59b-64a0-763f-bb6a-7483af908499:delay",
    '{"minutes": 20, "reason": "fog"}',
)
