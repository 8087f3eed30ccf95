"""Catch abused accounts on professional portals from their access logs."""
