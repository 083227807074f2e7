module client

go 1.24

require (
	github.com/fxamacker/cbor/v2 v2.9.0
	github.com/mr-tron/base58 v1.2.0
)

require github.com/x448/float16 v0.8.4 // indirect
