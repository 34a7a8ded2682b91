"""The app: which entities it serves, and the time zone in which a bare date means midnight."""

from examples.flights.model import Airline, Airport, Flight, Plane
from kingpost import App

app = App("flights", timezone="America/New_York", entities=[Airline, Airport, Plane, Flight])
