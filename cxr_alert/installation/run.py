"""Run the steps of an installation, one after another."""

from collections.abc import Sequence

from cxr_alert.installation.site import Site
from cxr_alert.installation.steps import Step
from cxr_alert.operate.application import aws_in_sentences
from cxr_alert.output import say
from screening.errors import Failure, Mistake


def install(site: Site, steps: Sequence[Step], command: str) -> None:
    """Run all steps; a failing step raises an error that names the command to type next.

    `command` is the command that the user typed. The same command continues an interrupted
    installation, since every step first asks AWS what exists.
    """
    for number, step in enumerate(steps, 1):
        try:
            with aws_in_sentences():
                did = step.run(site)
        except (Failure, Mistake) as error:
            *before, reason = str(error).strip().splitlines()
            for line in before:
                say(f"  {line}")
            raise Failure(
                f"Step {step.name} failed: {reason.rstrip('.')}. Completed steps are kept; to "
                f"continue, type again: {command}"
            ) from error
        except KeyboardInterrupt:
            say(
                f"AWS completes what has begun. To continue here, type again: {command}",
                error=True,
            )
            raise
        say(f"{number}/{len(steps)} {step.name}: {did}.")
