"""Ways to read files, databases and object stores."""
