"""The app: which entities it serves, the time zone in which a bare date means midnight, and what to try first."""

from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost import App

app = App("flights", timezone="America/New_York", entities=[Airline, Airport, Plane, Flight])

TRY = [
    "/v1/flights?airline=UA&departs_at[gte]=2013-07-01&include=origin,dest,plane&sort=departs_at&limit=3",
    "/v1/flights?origin.faa=JFK&sort=-dep_delay&fields=number,departs_at,dep_delay&limit=5",
    "/v1/flights?group=airline&aggregate=count,avg:dep_delay&having=count[gt]=1000&sort=-avg:dep_delay",
    "/v1/airlines?include=flights.plane&flights.limit=2&limit=2",
    "/v1/flights?airlin=UA",
]
