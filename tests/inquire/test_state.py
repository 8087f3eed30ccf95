from detector.inquire import state as states


def test_alerts_come_in_their_order_and_by_incident_or_id(state):
    with states.reading(state) as database:
        everything = states.alerts(database)
        first = everything[0]
        of_incident = states.alerts(database, incident=first.incident_id)
        assert [one.id for one in everything] == list(dict.fromkeys(one.id for one in everything))
        assert of_incident == [one for one in everything if one.incident_id == first.incident_id]
        assert states.alerts(database, alert_id=first.id) == [first]
        assert states.alerts(database, alert_id="none") == []
