"""The operator's commands, as typed, against the deployed application."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_alert.local import processes
from screening.upload import CHECK_PREFIX, event_of
from tests.e2e.application import NEGATIVE, POSITIVE, Application, wait_until

# A shell makes its background processes ignore Ctrl-C; the tests may run in one.
PROGRAM = """
import signal
import sys
from cxr_alert.program import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def started(application: Application, *arguments: str) -> subprocess.Popen[str]:
    """Start a command as a process of its own, which a signal can interrupt."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=processes.ROOT,
        env=application.settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def operate(application: Application, *arguments: str) -> tuple[int, str, str]:
    ended = application.typed(*arguments)
    return ended.returncode, ended.stdout, ended.stderr


def test_look_up_and_list(application: Application) -> None:
    application.drop("op [1]/positive.jpeg", POSITIVE)
    application.drop("op [1]/letter.jpeg", b"Dear radiologist")
    record = application.record("op [1]/positive.jpeg", alert="SENT")
    application.record("op [1]/letter.jpeg")

    status, out, _ = operate(application, "look-up", "op [1]/positive.jpeg")
    assert status == 0
    assert re.search(rf"^version +{record.version}$", out, re.MULTILINE)
    assert re.search(r"^alert +SENT$", out, re.MULTILINE)

    assert "op [1]/positive.jpeg" in operate(application, "list", "--count", "1")[1]
    (shown,) = json.loads(operate(application, "list", "positives", "--count", "1", "--json")[1])
    assert (shown["key"], shown["alert"]) == ("op [1]/positive.jpeg", "SENT")
    reject, reason = operate(application, "list", "rejects", "--count", "1")[1].splitlines()
    assert re.search(r"  format  op \[1\]/letter.jpeg$", reject)
    assert reason.startswith("    ")


def test_a_former_command_name_still_works_and_prints_the_new_one(application: Application) -> None:
    status, out, err = operate(application, "waiting")
    assert status == 0
    assert re.search(r" 0 +0 +0 +-  films to render$", out, re.M)
    assert err == "`cxr-alert waiting` is now `cxr-alert status`; the next release drops it.\n"


def test_a_key_cannot_move_the_cursor(application: Application) -> None:
    key = "op/[red]x\N{RIGHT-TO-LEFT OVERRIDE}\N{CSI}2J.jpeg"
    application.drop(key, POSITIVE)
    application.record(key, alert="SENT")
    for arguments in (("look-up", key), ("list",)):
        out = operate(application, *arguments)[1]
        assert r"op/[red]x\u202e\x9b2J.jpeg" in out
        assert all(line.isprintable() for line in out.splitlines())


def test_status_shows_the_health_on_one_screen(application: Application) -> None:
    application.drop("status.jpeg", NEGATIVE)
    record = application.record("status.jpeg")
    status, out, err = operate(application, "status")
    assert err == ""
    assert f"last screening  {record.judgement.classified}" in out
    assert "cutoff          0.1" in out
    assert re.search(r"^endpoint +cxr-alert: answers in \d+\.\d\d s$", out, re.M)
    assert re.search(f"^network +{record.judgement.model}$", out, re.M)
    assert re.search(r"^failing +no film$", out, re.M)
    assert "alarms          none: the local emulator raises no alarms" in out
    assert "films to screen" in out
    assert "results to deliver" in out
    # Nobody gets the alarms of this stack, which is a sentence and an exit status.
    assert (status, "Nobody gets the alarms" in out) == (1, True)


def test_status_says_since_when_films_fail(application: Application) -> None:
    application.stack.stop_container()
    try:
        application.drop("fails.jpeg", NEGATIVE)
        application.wait_for_failed_try()
        wait_until(
            lambda: json.loads(operate(application, "status", "--json")[1])["failing"], "a failure"
        )
        status, out, _ = operate(application, "status")
    finally:
        application.stack.start_container()
    assert status == 1
    assert "endpoint        cxr-alert: does not answer" in out
    assert re.search(r"^failing +1 film since 20\d\d-.*, tried up to \d times$", out, re.M)
    assert "The endpoint did not answer: EndpointConnectionError." in out
    application.record("fails.jpeg")


def remaining_test_films(application: Application) -> list[str]:
    found = application.stack.s3.list_object_versions(
        Bucket=application.stack.outputs["UploadsBucketName"], Prefix=CHECK_PREFIX
    )
    return [each["Key"] for each in found.get("Versions", [])]


def test_check_alerts_nobody_and_leaves_no_film(application: Application, tmp_path: Path) -> None:
    film, letter = tmp_path / "film.jpeg", tmp_path / "letter.pdf"
    film.write_bytes(POSITIVE)
    letter.write_bytes(b"%PDF-1.7 Dear colleague")
    unreviewed = operate(application, "unreviewed", "--json")[1]
    mails = len(application.all_mails())

    status, out, _ = operate(application, "check", "--film", str(film))
    assert (status, out.startswith("It works: PNEUMONIA after ")) == (0, True)
    (key,) = re.findall(f"{CHECK_PREFIX}[0-9a-f]{{32}}", out)
    status, out, err = operate(application, "check", "--film", str(letter))
    assert (status, out) == (1, "")
    assert err.startswith("The film was not screened but rejected (format): ")

    application.settle()
    assert application.record(key).alert == "NOT_NEEDED"
    assert application.alerts(key) == []
    assert len(application.all_mails()) == mails
    assert operate(application, "unreviewed", "--json")[1] == unreviewed
    for kind in ("positives", "rejects"):
        assert CHECK_PREFIX not in operate(application, "list", kind)[1]
    assert remaining_test_films(application) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_nothing_and_mails_nobody(
    application: Application, number: signal.Signals
) -> None:
    mails = len(application.all_mails())
    application.stack.stop_container()
    try:
        process = started(application, "check")
        wait_until(lambda: remaining_test_films(application), "a test film")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        application.stack.start_container()
    assert (process.returncode, err.splitlines()[-1]) == (130, "Interrupted.")
    assert remaining_test_films(application) == []
    application.settle(60)
    assert len(application.all_mails()) == mails


def test_reconcile_reports_its_findings(application: Application) -> None:
    application.drop("found.jpeg", NEGATIVE)
    application.record("found.jpeg")
    status, out, _ = operate(application, "reconcile", "found", "--json")
    # A film uploaded a moment ago is not lost.
    assert (status, json.loads(out)) == (0, {"seen": 1, "missing": 0, "announced": 0})


def test_a_film_that_waits_does_not_look_lost(application: Application) -> None:
    application.stack.stop_container()
    application.drop("waits.jpeg", NEGATIVE)
    application.wait_for_failed_try()
    status, _, err = operate(application, "look-up", "waits.jpeg")
    application.stack.start_container()
    assert status == 2
    # Between two tries it waits; during one it is being screened.
    assert re.search(
        r"record yet. Films that wait: (0; films being screened: 1|1; films being screened: 0)\.",
        err,
    )
    application.record("waits.jpeg")


def test_mistakes_are_reported_in_one_sentence(application: Application) -> None:
    for arguments, sentence in (
        (("look-up", "nobody.jpeg"), "There is no film nobody.jpeg, and no record of one."),
        (("status", "--stack", "other"), "There is no stack other in us-east-1"),
        (("check", "--film", "missing.jpeg"), "The film missing.jpeg can't be read: No such file"),
    ):
        status, out, err = operate(application, *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(sentence)


def test_dead_letters_are_redriven(application: Application) -> None:
    stack = application.stack
    dead = stack.outputs["UploadsDeadLetterQueueUrl"]
    application.drop("dead.jpeg", NEGATIVE)
    event = event_of(application.record("dead.jpeg").upload)
    for number in range(23):
        stack.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event | {"id": str(number)}))
    stack.sqs.send_message(QueueUrl=dead, MessageBody='{"what": "no upload"}')
    status, out, _ = operate(application, "redrive")
    assert status == 0
    assert "UploadsDeadLetterQueue: 23 messages moved back." in out
    assert "UploadsDeadLetterQueue: 1 messages stay, since no function can read" in out
    application.settle()
    assert application.waiting("UploadsDeadLetterQueueUrl") == 1
    stack.sqs.purge_queue(QueueUrl=dead)


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
    # as if an older network had missed it
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
    assert "1  possible pneumonia without an alert" in out
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
