import subprocess
import sys

FAULTS_OF_A_SECOND_BLOCK = """
import resource
from serving.memory import keep_freed_memory

def fill():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytes([1]) * 2**26
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{call}
fill()
print(fill())
"""


def page_faults(call: str) -> int:
    code = FAULTS_OF_A_SECOND_BLOCK.format(call=call)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


def test_a_freed_block_is_used_again_without_page_faults() -> None:
    assert page_faults("keep_freed_memory()") < 100 < page_faults("")
