// Makes the calls of other-languages.test.ts by the client of the guide, and prints their results as JSON.

package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

var url, service = os.Getenv("URL"), os.Getenv("SERVICE")

type answer struct {
	call    []byte
	status  int
	value   fields
	receipt string
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func didOf(key ed25519.PrivateKey) string { return did(key.Public().(ed25519.PublicKey)) }

func generate() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(nil)
	return must(key, err)
}

func send(path string, tokens ...[]byte) (int, fields, string) {
	request := must(http.NewRequest("POST", url+path, nil))
	request.Header.Set("X-UCAN-Container", container(tokens...))
	response := must(http.DefaultClient.Do(request))
	defer response.Body.Close()
	var value fields
	if body := must(io.ReadAll(response.Body)); len(body) > 0 {
		if err := json.Unmarshal(body, &value); err != nil {
			panic(err)
		}
	}
	return response.StatusCode, value, response.Header.Get("X-UCAN-Container")
}

func main() {
	owner := ed25519.NewKeyFromSeed(must(hex.DecodeString(os.Getenv("OWNER"))))
	agent, subAgent := generate(), generate()
	grant := delegate(owner, didOf(agent), didOf(owner), "/mail", []any{[]any{"like", ".to", "*@example.com"}})
	narrower := delegate(agent, didOf(subAgent), didOf(owner), "/mail/send", []any{[]any{"==", ".to", "bob@example.com"}})
	mail := func(key ed25519.PrivateKey, to string, proofs ...[]byte) (a answer) {
		a.call = invoke(key, service, didOf(owner), "/mail/send", fields{"to": to}, proofs...)
		a.status, a.value, a.receipt = send("/mail", append([][]byte{a.call}, proofs...)...)
		return a
	}
	code := func(a answer) []any { return []any{a.status, a.value["code"]} }

	verified := 0
	var last answer
	for number := range 1000 {
		last = mail(agent, fmt.Sprintf("user-%d@example.com", number), grant)
		if last.status == 200 && verifyReceipt(last.receipt, service, last.call, last.value) == nil {
			verified++
		}
	}
	other := mail(agent, "bob@example.com", grant)
	results := fields{
		"verified":                    verified,
		"receipt of another value":    verifyReceipt(last.receipt, service, last.call, other.value) == nil,
		"receipt of another call":     verifyReceipt(last.receipt, service, other.call, last.value) == nil,
		"receipt of another service":  verifyReceipt(last.receipt, didOf(owner), last.call, last.value) == nil,
		"argument against the policy": code(mail(agent, "eve@evil.example", grant)),
		"argument of another type":    code(mail(agent, "nobody", grant)),
		"sub-agent":                   code(mail(subAgent, "bob@example.com", grant, narrower)),
		"sub-agent beyond its policy": code(mail(subAgent, "eve@example.com", grant, narrower)),
	}
	results["revocation"], _, _ = send("/revocations", invoke(owner, service, didOf(owner), "/ucan/revoke", fields{"revoke": link(grant)}), grant)
	results["revoked"] = code(mail(subAgent, "bob@example.com", grant, narrower))
	os.Stdout.Write(must(json.Marshal(results)))
}
