"""Running the whole portal from one folder, with nothing installed beside it."""
