"""Read and open files, databases and object stores; nothing here knows of nights' tables."""
