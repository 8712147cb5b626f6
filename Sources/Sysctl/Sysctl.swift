// Room: Sysctl.
