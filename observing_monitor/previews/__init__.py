"""Thumbnails of FITS files."""
