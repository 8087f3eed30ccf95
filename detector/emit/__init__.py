"""Tell the SIEM: signals become incidents, incidents become alerts, alerts reach every sink at least once."""
