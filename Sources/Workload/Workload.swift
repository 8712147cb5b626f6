// Room: Workload.
