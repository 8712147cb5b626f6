// Room: Simulation.
