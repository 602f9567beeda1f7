"""Rules for the endpoint's template that no linter checks."""

from tests.unit.templates import read

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
