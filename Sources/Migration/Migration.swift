// Room: Migration.
