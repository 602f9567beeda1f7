"""Properties of the worklist's template that no linter checks."""

from dataclasses import fields
from typing import Any

import worklist.api
import worklist.enlist
import worklist.precision
import worklist.remind
from tests.unit.templates import read, variables

TEMPLATE = read("functions/worklist/template.yaml")
APPLICATION = read("template.yaml")
RESULTS = read("functions/publish/template.yaml")
FUNCTIONS: dict[str, Any] = {
    "WorklistFunction": worklist.api.Config,
    "EnlistFunction": worklist.enlist.Config,
    "RemindFunction": worklist.remind.Config,
    "PrecisionFunction": worklist.precision.Config,
}


def test_its_functions_get_the_variables_that_they_read_and_no_others() -> None:
    assert sorted(FUNCTIONS) == sorted(TEMPLATE.of_type("AWS::Serverless::Function"))
    for name, config in FUNCTIONS.items():
        assert set(variables(TEMPLATE, name)) == {field.name.upper() for field in fields(config)}


def test_it_imports_outputs_of_the_application() -> None:
    assert TEMPLATE.imported == APPLICATION.exported


def test_a_reader_removed_from_a_group_loses_access_within_15_minutes() -> None:
    client = TEMPLATE.properties("PageClient")
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    assert client["AccessTokenValidity"] <= 15


def test_mails_find_the_link_in_the_worklists_parameter() -> None:
    read = variables(APPLICATION, "NotifyFunction")["WORKLIST_PARAMETERS"]["Sub"]
    names = {"Address": "address", "Share": "sample-share", "LocalPrecision": "precision"}
    for resource, end in names.items():
        left = TEMPLATE.properties(resource)["Name"]["Sub"]
        assert read.replace("${AWS::StackName}", "${Application}") + f"-{end}" == left
    assert variables(RESULTS, "PublishFunction")["WORKLIST_PARAMETERS"]["Sub"] == read.replace(
        "${AWS::StackName}", "${Application}"
    )


def test_reviews_and_logins_outlive_the_stack_and_refuse_deletion() -> None:
    for name in ("ReviewsTable", "ReaderPool", "EntriesTable"):
        assert TEMPLATE.resources[name]["DeletionPolicy"].startswith("Retain")
    assert TEMPLATE.properties("ReviewsTable")["DeletionProtectionEnabled"] is True
    assert TEMPLATE.properties("ReaderPool")["DeletionProtection"] == "ACTIVE"


def test_everything_stored_is_encrypted_with_the_applications_key() -> None:
    key = {"Fn::ImportValue": {"Sub": "${Application}-KeyArn"}}
    for table in TEMPLATE.of_type("AWS::DynamoDB::Table"):
        assert TEMPLATE.properties(table)["SSESpecification"]["KMSMasterKeyId"] == key
    for log in TEMPLATE.of_type("AWS::Logs::LogGroup"):
        assert TEMPLATE.properties(log)["KmsKeyId"] == key
    assert TEMPLATE.whole["Globals"]["Function"]["KmsKeyArn"] == key


def test_only_the_page_is_open_and_strangers_cannot_use_up_the_readers_share() -> None:
    routes = [TEMPLATE.properties(name) for name in TEMPLATE.of_type("AWS::ApiGatewayV2::Route")]
    open_ones = {each["RouteKey"] for each in routes if each["AuthorizationType"] == "NONE"}
    assert open_ones == {"GET /", "GET /{file}"}
    stage = TEMPLATE.properties("Stage")
    readers = stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
    for route in open_ones:
        assert stage["RouteSettings"][route]["ThrottlingRateLimit"] < readers


def test_every_reader_has_a_second_factor_and_can_reset_a_password() -> None:
    """The page's token can't set a factor up later; the login page does where it is obligatory."""
    assert TEMPLATE.parameters["SecondFactor"]["Default"] == "ON"
    pool = TEMPLATE.properties("ReaderPool")
    assert pool["MfaConfiguration"] == {"Ref": "SecondFactor"}
    assert pool["AccountRecoverySetting"]["RecoveryMechanisms"][0]["Name"] == "verified_email"


def test_the_access_log_is_kept_for_years_and_outlives_the_stack() -> None:
    log = TEMPLATE.properties("AccessLog")
    assert log["RetentionInDays"] == {"Ref": "AccessLogRetentionDays"}
    assert TEMPLATE.parameters["AccessLogRetentionDays"]["Default"] >= 6 * 365
    assert TEMPLATE.resources["AccessLog"]["DeletionPolicy"] == "RetainExceptOnCreate"
