"""The sink for Elasticsearch and OpenSearch against a stub of `_bulk` that is as strict."""

import pytest

from detector.config import ToElasticsearch
from detector.emit.sinks import open_sink
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.http_receiver import Reply
from tests.emit.sinks.http_vendors import Elasticsearch


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    path.write_text(Elasticsearch.api_key)
    return {"file": path}


@pytest.fixture
def receiver():
    with Elasticsearch() as receiver:
        yield receiver


@pytest.fixture
def opened(receiver, key):
    return lambda **more: open_sink(ToElasticsearch(**{"url": receiver.url, "api_key": key} | QUICK | more))


class TestElasticsearch(Battery):
    @pytest.fixture
    def rig(self, receiver, key):
        return Rig(
            options=lambda **more: ToElasticsearch(**{"url": receiver.url, "api_key": key} | QUICK | more),
            received=receiver.ids,
            stop=receiver.stop,
            start=receiver.start,
            send_back=receiver.to_send_back.update,
            refuse=receiver.refused.update,
            hang=receiver.hang,
            secret=Elasticsearch.api_key,
        )


def test_a_document_is_created_under_the_alerts_id(opened, receiver):
    alert = some(1)[0]
    opened().write([alert])
    assert receiver.documents[alert.id]["event"]["id"] == alert.id
    (request,) = receiver.requests
    assert request.query["filter_path"] == ["errors,items.*._id,items.*.status,items.*.error.type,error.type"]


def test_a_repeat_is_a_success_and_changes_nothing(opened, receiver):
    alerts = some(5)
    sink = opened()
    sink.write(alerts[:3])
    receipt = sink.write(alerts)
    assert (list(receipt.arrived), receipt.refused, receipt.fault) == ([one.id for one in alerts], {}, "")
    assert receiver.ids() == [one.id for one in alerts]


def test_a_user_and_a_password_serve_too(opened, receiver, tmp_path):
    (tmp_path / "password").write_text("péage:2026")
    receiver.authorization = "Basic cG9ydGFsOnDDqWFnZToyMDI2"
    sink = opened(api_key=None, username="portal", password={"file": tmp_path / "password"})
    assert len(sink.write(some(2)).arrived) == 2


def test_a_pipeline_is_asked_for(opened, receiver):
    assert opened(pipeline="portal-alerts", format="ocsf").write(some(1)).fault == ""
    assert receiver.requests[0].query["pipeline"] == ["portal-alerts"]


def test_a_pipeline_that_is_not_there_makes_no_dead_letters(opened):
    receipt = opened(pipeline="none").write(some(5))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "400 Bad Request: every alert is refused: 400, illegal_argument_exception"


def test_each_result_counts_for_its_alert(opened, receiver):
    alerts = some(6)
    receiver.refused.add(alerts[1].id)
    receiver.to_send_back.add(alerts[4].id)
    receipt = opened().write(alerts)
    assert list(receipt.arrived) == [alerts[n].id for n in (0, 2, 3, 5)]
    assert receipt.refused == {alerts[1].id: "400, strict_dynamic_mapping_exception"}
    assert receipt.fault == "429 Too Many Requests: es_rejected_execution_exception"


@pytest.mark.parametrize(
    ("refusal", "wait_s"),
    [
        ((403, "cluster_block_exception"), 60.0),
        ((404, "index_not_found_exception"), 60.0),
        ((503, "unavailable_shards_exception"), None),
        ((400, "validation_exception"), None),
    ],
)
def test_what_is_the_clusters_fault_is_kept(opened, receiver, refusal, wait_s):
    alerts, receiver.refusal = some(3), refusal
    receiver.refused.update(one.id for one in alerts[1:])
    receipt = opened().write(alerts)
    assert (list(receipt.arrived), receipt.refused, receipt.retry_after_s) == ([alerts[0].id], {}, wait_s)
    assert refusal[1] in receipt.fault


CREATED = {"status": 201}


@pytest.mark.parametrize(
    "answer",
    [
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, **CREATED}} for one in ids[:-1]]},
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, **CREATED}} for one in [*ids[:-1], ids[0]]]},
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, **CREATED}} for one in [*ids, "x"]]},
        lambda ids: {"errors": True, "items": [{"create": {"_id": one, **CREATED}} for one in ids]},
        lambda ids: {"items": [{"create": {"_id": one, **CREATED}} for one in ids]},
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, "status": 503}} for one in ids]},
        lambda ids: {"errors": False, "items": [{"index": {"_id": one, **CREATED}} for one in ids]},
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, "status": None}} for one in ids]},
        lambda ids: {"errors": False, "items": [{"create": {"_id": one, "error": "no"}} for one in ids]},
        lambda ids: {"errors": False, "items": None},
        lambda ids: {"errors": False, "items": [[]]},
        lambda ids: {"errors": False},
        lambda ids: {},
        lambda ids: [],
        lambda ids: "OK",
    ],
)
def test_a_200_that_contradicts_itself_or_what_was_sent_is_believed_in_nothing(opened, receiver, answer):
    alerts = some(4)
    receiver.answer = lambda request: Reply(200, answer([one.id for one in alerts]))
    receipt = opened().write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault.startswith("200 OK: ")


def test_credentials_that_are_wrong_lose_nothing_and_quote_nothing(opened, receiver):
    receiver.authorization = "ApiKey another"
    receipt = opened().write(some(3))
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert receipt.fault == "401 Unauthorized: security_exception: check the credentials"


def test_a_request_that_is_too_large_is_halved(opened, receiver):
    receiver.most_bytes, alerts = 20_000, some(60)
    assert list(opened().write(alerts).arrived) == [one.id for one in alerts]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"username": "portal"}, "belong together"),
        ({"username": "portal", "password": {"env": "X"}, "api_key": {"env": "Y"}}, "not both"),
        ({"index": "Portal"}, "should match pattern"),
        ({"index": "a/b"}, "should match pattern"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_of_the_configuration(more, said):
    with pytest.raises(ValueError, match=said):
        ToElasticsearch(url="https://elastic.example.org:9200", **more)
