"""The operator's commands, as an operator types it, against the deployed application."""

import json
import re
import subprocess
import sys

from cxr_alert.local import environment, manual, processes
from tests.e2e.application import NEGATIVE, POSITIVE, Application, wait_until


def operate(application: Application, *arguments: str) -> tuple[int, str, str]:
    stack = application.stack
    process = subprocess.run(
        [sys.executable, "-m", "cxr_alert", *arguments],
        cwd=processes.ROOT,
        env={
            **environment.base(stack.settings.state),
            **manual.settings(stack),
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return process.returncode, process.stdout, process.stderr


def test_look_up_latest_and_waiting(application: Application) -> None:
    application.drop("op [1]/positive.jpeg", POSITIVE)
    application.drop("op [1]/letter.jpeg", b"Dear radiologist")
    record = application.record("op [1]/positive.jpeg", alert="SENT")
    application.record("op [1]/letter.jpeg")

    status, out, _ = operate(application, "look-up", "op [1]/positive.jpeg")
    assert status == 0
    assert re.search(rf"^version +{record.version}$", out, re.MULTILINE)
    assert re.search(r"^alert +SENT$", out, re.MULTILINE)

    assert "op [1]/positive.jpeg" in operate(application, "positives", "--count", "1")[1]
    (shown,) = json.loads(operate(application, "positives", "--count", "1", "--json")[1])
    assert (shown["key"], shown["alert"]) == ("op [1]/positive.jpeg", "SENT")
    (reject,) = operate(application, "rejects", "--count", "1")[1].splitlines()
    assert reject.endswith("op [1]/letter.jpeg")
    assert re.search(r" 0 +0 +0 +-  films given up$", operate(application, "waiting")[1], re.M)


def test_status_tells_on_one_screen_what_is_not_as_it_should_be(application: Application) -> None:
    application.drop("status.jpeg", NEGATIVE)
    record = application.record("status.jpeg")
    status, out, err = operate(application, "status")
    assert err == ""
    assert f"last screening  {record.judgement.classified}" in out
    assert "cutoff          0.1" in out
    assert re.search(r"^alarms +0 of 22 are on$", out, re.M)
    assert "films to be screened" in out
    # Nobody gets the alarms of this stack, and that is worth a sentence and an exit status.
    assert (status, "Nobody gets the alarms" in out) == (1, True)


def test_check_sees_a_film_through_and_removes_it(application: Application) -> None:
    status, out, _ = operate(application, "check")
    assert status == 0
    assert out.startswith("It works: NORMAL after ")
    found = application.stack.s3.list_object_versions(
        Bucket=application.stack.outputs["UploadsBucketName"], Prefix="cxr-alert-check/"
    )
    assert "Versions" not in found


def test_reconcile_says_what_it_found(application: Application) -> None:
    application.drop("found.jpeg", NEGATIVE)
    application.record("found.jpeg")
    status, out, _ = operate(application, "reconcile", "found", "--json")
    # What was dropped a moment ago is none that is lost.
    assert (status, json.loads(out)) == (0, {"seen": 1, "missing": 0, "announced": 0})


def test_a_film_that_waits_does_not_look_lost(application: Application) -> None:
    application.stack.stop_container()
    application.drop("waits.jpeg", NEGATIVE)
    application.wait_for_failed_try()
    status, _, err = operate(application, "look-up", "waits.jpeg")
    application.stack.start_container()
    assert status == 2
    assert "has no record yet: 0 films wait, 1 are being tried" in err
    application.record("waits.jpeg")


def test_mistakes_are_told_in_a_sentence(application: Application) -> None:
    for arguments, sentence in (
        (("look-up", "nobody.jpeg"), "There is no film nobody.jpeg, and no record of one."),
        (("waiting", "--stack", "other"), "There is no stack other in us-east-1"),
    ):
        status, out, err = operate(application, *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(sentence)


def test_dead_letters_are_driven_back(application: Application) -> None:
    stack = application.stack
    dead = stack.outputs["UploadsDeadLetterQueueUrl"]
    for number in range(23):
        stack.sqs.send_message(QueueUrl=dead, MessageBody=f'{{"number": {number}}}')
    status, out, _ = operate(application, "redrive")
    assert status == 0
    assert "23 messages of the UploadsDeadLetterQueue driven back." in out
    application.settle()
    assert application.waiting("UploadsDeadLetterQueueUrl") == 0


def test_rescreen_alerts_the_newly_positive_only_when_asked_and_nothing_twice(
    application: Application,
) -> None:
    stack = application.stack
    application.drop("again/positive.jpeg", POSITIVE)
    application.drop("again/missed.jpeg", POSITIVE)
    application.drop("again/normal.jpeg", NEGATIVE)
    application.record("again/positive.jpeg", alert="SENT")
    missed = application.record("again/missed.jpeg", alert="SENT")
    application.record("again/normal.jpeg")
    application.settle()
    # As if an older network had missed it.
    stack.dynamodb.update_item(
        TableName=stack.outputs["ScreeningsTableName"],
        Key={"key": {"S": missed.key}, "version": {"S": missed.version}},
        UpdateExpression="SET finding = :normal, alert = :none, probability = :low, model = :old",
        ExpressionAttributeValues={
            ":normal": {"S": "NORMAL"},
            ":none": {"S": "NOT_NEEDED"},
            ":low": {"N": "0.01"},
            ":old": {"S": "an older network"},
        },
    )
    already = len(application.alerts("again/missed.jpeg"))

    status, out, _ = operate(application, "rescreen", "again/")
    assert status == 0
    assert "2  same finding" in out
    assert "1  possible pneumonia that nobody was alerted to" in out
    assert "--alert" in out
    record = application.record("again/missed.jpeg")
    assert (record.judgement.finding, record.alert) == ("PNEUMONIA", "NOT_NEEDED")
    assert record.earlier[0].model == "an older network"
    assert len(application.alerts("again/missed.jpeg")) == already

    assert operate(application, "rescreen", "again/", "--alert")[0] == 0
    application.record("again/missed.jpeg", alert="SENT")
    application.settle()
    wait_until(lambda: len(application.alerts("again/missed.jpeg")) == already + 1, "the alert")
    assert operate(application, "rescreen", "again/", "--alert")[0] == 0
    application.settle()
    assert len(application.alerts("again/missed.jpeg")) == already + 1
    assert len(application.alerts("again/positive.jpeg")) == 1
