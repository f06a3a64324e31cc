import os
import unittest

from harness import Function

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "provided", "bootstrap")


class ProvidedTests(unittest.TestCase):
    def test_example_greets(self):
        with open(EXAMPLE) as file:
            source = file.read()
        with Function("provided.al2023", {"bootstrap": source}) as f:
            for name in ("DevCraftly", "grüße"):
                answer = f.invoke(f'{{"name": "{name}"}}'.encode())
                self.assertEqual({"statusCode": 200, "body": f'{{"message":"Hello, {name}!"}}'}, answer)
            self.assertEqual("greeting DevCraftly\ngreeting grüße\n", f.printed())

    def test_bootstrap_from_a_layer(self):
        with Function("provided.al2023", {}, layers={"bootstrap": "#!/bin/sh\necho from the layer\nexit 4\n"}) as f:
            self.assertEqual(4, f.wait_exit())
            self.assertEqual("from the layer\n", f.printed())

    def test_has_the_tools_of_a_shell_function_and_no_locale_warnings(self):
        tools = "bash grep sed curl awk find tar gzip unzip sha256sum date"
        script = (f"#!/bin/bash\nset -e\nfor t in {tools}; do command -v $t >/dev/null || echo missing $t; done\n"
                  "LC_ALL=en_US.UTF-8 bash -c :\nlocale charmap\necho é | awk '{print length}'\n"
                  "test -s /etc/ssl/certs/ca-certificates.crt && id -un && getent hosts sandbox | cut -d' ' -f1\n"
                  "env | grep -c AWS_EXECUTION_ENV || true\nfind / -xdev ! -readable ! -type l 2>&1 | head -3\n"
                  "find / -xdev -perm /6000 | head -3\n")
        with Function("provided.al2023", {"bootstrap": script}) as f:
            self.assertEqual(0, f.wait_exit(), f.printed())
            self.assertEqual("UTF-8\n1\nsbx_user1051\n127.0.0.1\n0\n", f.printed())
