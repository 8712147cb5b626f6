// Room: Tiering.
