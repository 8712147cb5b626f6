// Room: Validation.
