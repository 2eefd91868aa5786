"""sslyze scans a TLS listener: versions, suites, groups, renegotiation, and the attacks that have names."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Endpoint, Proxy, Skip, check, main, need

SSLYZE = os.path.join(os.path.dirname(sys.executable), "sslyze")
KEYS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}


def certificates(directory):
    """A pair for `localhost` of each kind of key, and the authority of both, as files there."""

    def openssl(*arguments):
        subprocess.run([need("openssl"), *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", *KEYS["ec"], "-nodes", "-subj", "/CN=Posture CA", "-days", "30", "-keyout", "ca.key",
            "-out", "ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for kind, key in KEYS.items():
        openssl("req", "-newkey", *key, "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                "-addext", "extendedKeyUsage=serverAuth", "-keyout", f"{kind}.key", "-out", f"{kind}.csr")
        openssl("x509", "-req", "-in", f"{kind}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30",
                "-copy_extensions", "copyall", "-out", f"{kind}.crt")


def scan(profile, tls=()):
    """What sslyze finds, by the name of its probe, once it calls the listener compliant with Mozilla's `profile`."""
    if not os.path.exists(SSLYZE):
        raise Skip("PyPI's sslyze is not installed")
    with tempfile.TemporaryDirectory() as directory, Endpoint() as endpoint:
        certificates(directory)
        pairs = [f"{{ cert: {directory}/{kind}.crt, key: {directory}/{kind}.key }}" for kind in KEYS]
        listener = ["tls:", f"  certificates: [{', '.join(pairs)}]", *(f"  {line}" for line in tls)]
        with Proxy([endpoint.port], listener=listener) as proxy:
            found = os.path.join(directory, "found.json")
            done = subprocess.run(
                [SSLYZE, "--mozilla_config", profile, "--certinfo_ca_file", f"{directory}/ca.crt", "--early_data",
                 "--json_out", found, f"localhost:{proxy.port}"],
                capture_output=True, text=True, timeout=120,
            )
            print(done.stdout, done.stderr, file=sys.stderr)
            verdict = done.stdout[done.stdout.index("COMPLIANCE AGAINST") :]
            assert "OK - Compliant" in verdict, verdict
        with open(found) as file:
            probes = json.load(file)["server_scan_results"][0]["scan_result"]
    return {name: probe["result"] for name, probe in probes.items() if probe["result"]}


@check
def sslyze_finds_nothing_to_say_against_the_defaults():
    found = scan("intermediate")
    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"]:
        assert not found[f"{version}_cipher_suites"]["accepted_cipher_suites"], version
    suites = [suite["cipher_suite"]["name"] for suite in found["tls_1_2_cipher_suites"]["accepted_cipher_suites"]]
    assert len(suites) == 6 and all("_ECDHE_" in name and ("GCM" in name or "POLY1305" in name) for name in suites), suites
    assert len(found["tls_1_3_cipher_suites"]["accepted_cipher_suites"]) == 3
    assert found["tls_compression"] == {"supports_compression": False}
    # Early data can be sent again by whoever has seen it.
    assert found["tls_1_3_early_data"] == {"supports_early_data": False}
    assert found["tls_fallback_scsv"] == {"supports_fallback_scsv": True}
    assert found["tls_extended_master_secret"] == {"supports_ems_extension": True}
    assert found["openssl_ccs_injection"] == {"is_vulnerable_to_ccs_injection": False}
    assert found["heartbleed"] == {"is_vulnerable_to_heartbleed": False}
    assert found["robot"]["robot_result"].startswith("NOT_VULNERABLE"), found["robot"]
    renegotiation = found["session_renegotiation"]
    assert renegotiation["supports_secure_renegotiation"] and not renegotiation["is_vulnerable_to_client_renegotiation_dos"]
    # Both pairs are shown, each to those who can check it.
    kinds = {deployment["received_certificate_chain"][0]["public_key"]["algorithm"]
             for deployment in found["certificate_info"]["certificate_deployments"]}
    assert len(kinds) == 2, kinds


@check
def sslyze_finds_nothing_to_say_against_tls_1_3_alone():
    found = scan("modern", ['min_version: "1.3"'])
    assert not found["tls_1_2_cipher_suites"]["accepted_cipher_suites"]


if __name__ == "__main__":
    main()
