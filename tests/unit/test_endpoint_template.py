"""Rules for the endpoint's template that no linter checks."""

import re

import pytest

from cxr_alert.program import parser
from tests.unit.templates import read
from training.sagemaker.endpoint import Serverless, application_parameters

TEMPLATE = read("serving/endpoint.yaml")


def test_a_resource_that_cannot_be_changed_in_place_has_no_fixed_name() -> None:
    """CloudFormation replaces a model and a configuration, which fails while the name is taken."""
    assert "ModelName" not in TEMPLATE.properties("Model")
    assert "EndpointConfigName" not in TEMPLATE.properties("Configuration")


def test_an_update_is_rolled_back_by_alarms_of_this_very_stack() -> None:
    (_, guarded, _) = TEMPLATE.properties("Endpoint")["DeploymentConfig"]["If"]
    names = guarded["AutoRollbackConfiguration"]["Alarms"]
    alarms = [name["AlarmName"]["Ref"] for name in names]
    assert sorted(alarms) == sorted(TEMPLATE.of_type("AWS::CloudWatch::Alarm"))
    for name in alarms:
        (endpoint, variant) = TEMPLATE.properties(name)["Dimensions"]
        assert endpoint["Value"] == {"Ref": "EndpointName"}
        (served,) = TEMPLATE.properties("Configuration")["ProductionVariants"]
        assert variant["Value"] == served["VariantName"]


def test_scaling_comes_after_the_endpoint_and_goes_before_it() -> None:
    (target,) = TEMPLATE.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
    assert "${Endpoint." in TEMPLATE.properties(target)["ResourceId"]["Sub"]


def test_captured_data_is_encrypted_with_the_owners_key() -> None:
    (_, capture, _) = TEMPLATE.properties("Configuration")["DataCaptureConfig"]["If"]
    assert capture["KmsKeyId"] == {"Ref": "CaptureKey"}
    assert TEMPLATE.whole["Rules"]


@pytest.mark.parametrize("concurrency", [4, 5, 6, 7, 10, 22, 200])
def test_new_films_and_a_backfill_fit_a_serverless_endpoint(concurrency: int) -> None:
    given = application_parameters("cxr-alert", Serverless(2048, concurrency))
    batches, films = map(int, re.findall(r"(?:MaximumConcurrency|FilmsInBatch)=(\d+)", given))
    events = read("template.yaml").properties("ClassifyFunction")["Events"]
    backfill = events["Backfill"]["Properties"]
    at_once = backfill["BatchSize"] * backfill["ScalingConfig"]["MaximumConcurrency"]
    assert concurrency // 2 <= batches * films + at_once <= concurrency


def test_the_commands_create_the_endpoint_that_the_template_describes() -> None:
    default = TEMPLATE.parameters["Concurrency"]["Default"]
    options = parser().parse_args(["deploy", "--model", "n.onnx", "--serverless"])
    assert options.concurrency == default
