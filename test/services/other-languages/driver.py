"""Makes the calls of other-languages.test.ts by the client of the guide, and prints their results as JSON."""

import json
import os

from cryptography.exceptions import InvalidSignature
from ucan import *

url, service = os.environ["URL"], os.environ["SERVICE"]
owner = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(os.environ["OWNER"]))
agent, sub_agent = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
grant = delegate(owner, did(agent), did(owner), "/mail", [["like", ".to", "*@example.com"]])
narrower = delegate(agent, did(sub_agent), did(owner), "/mail/send", [["==", ".to", "bob@example.com"]])


def mail(key, to, *proofs):
    call = invoke(key, service, did(owner), "/mail/send", {"to": to}, proofs)
    return call, *send(url + "/mail", call, *proofs)


def code(result):
    return [result[1], result[2].get("code")]


def is_verified(*words):
    try:
        verify_receipt(*words)
        return True
    except (AssertionError, InvalidSignature):
        return False


verified = 0
for number in range(1000):
    call, status, value, receipt = mail(agent, f"user-{number}@example.com", grant)
    verified += status == 200 and is_verified(receipt, service, call, value)
other = mail(agent, "bob@example.com", grant)[0]
results = {
    "verified": verified,
    "receipt of another value": is_verified(receipt, service, call, {"sent": "eve@example.com"}),
    "receipt of another call": is_verified(receipt, service, other, value),
    "receipt of another service": is_verified(receipt, did(owner), call, value),
    "argument against the policy": code(mail(agent, "eve@evil.example", grant)),
    "argument of another type": code(mail(agent, "nobody", grant)),
    "sub-agent": code(mail(sub_agent, "bob@example.com", grant, narrower)),
    "sub-agent beyond its policy": code(mail(sub_agent, "eve@example.com", grant, narrower)),
}
revocation = invoke(owner, service, did(owner), "/ucan/revoke", {"revoke": cid(grant)}, [])
results["revocation"] = send(url + "/revocations", revocation, grant)[0]
results["revoked"] = code(mail(sub_agent, "bob@example.com", grant, narrower))
print(json.dumps(results))
