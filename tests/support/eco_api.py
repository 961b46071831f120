"""What Eco publishes of `POST /api/v3/quotes/exactOut`: its request and answer as JSON Schema, and its examples.

Written from the OpenAPI description "Eco Routes API" 1.0 (QuotesRequestV3DTO, QuotesResponseV3DTO), as
github.com/api-evangelist/eco keeps it: openapi/_original/eco-routes-openapi-original.json at commit
fd7272137379d00e96805cf7471d30dc18542984 of 2026-07-26; its answer is also the example in
collections/eco-quotes-v3-api.postman_collection.json. Texts are left out. The description does not forbid further
properties; the request here does, because l2send asks for nothing that is not described.
"""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}


def _all_of(**properties: Any) -> dict[str, Any]:
    """An object whose properties are all required."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_EXECUTION_TYPE = {"type": "string", "enum": ["SELF_PUBLISH", "GASLESS"]}
_SIDES = {"sourceChainID": _NUMBER, "destinationChainID": _NUMBER, "sourceToken": _TEXT, "destinationToken": _TEXT}
_QUOTE_REQUEST = _all_of(**_SIDES, sourceAmount=_TEXT, funder=_TEXT, recipient=_TEXT)
_QUOTE_REQUEST["properties"]["refundRecipient"] = _TEXT
_CONTRACTS = {"sourcePortal": _TEXT, "destinationPortal": _TEXT, "prover": _TEXT}

REQUEST = _all_of(
    dAppID=_TEXT,
    intentExecutionTypes={"type": "array", "items": _EXECUTION_TYPE},
    quoteRequest=_QUOTE_REQUEST | {"additionalProperties": False},
)
REQUEST["properties"]["contracts"] = {"type": "object", "properties": _CONTRACTS, "additionalProperties": False}
REQUEST["additionalProperties"] = False

_FEE = _all_of(
    name=_TEXT, description=_TEXT, token=_all_of(address=_TEXT, decimals=_NUMBER, symbol=_TEXT), amount=_TEXT
)
_QUOTE_RESPONSE = _all_of(
    intentExecutionType=_EXECUTION_TYPE,
    **_SIDES,
    sourceAmount=_TEXT,
    destinationAmount=_TEXT,
    funder=_TEXT,
    refundRecipient=_TEXT,
    recipient=_TEXT,
    fees={"type": "array", "items": _FEE},
    deadline=_NUMBER,
    estimatedFulfillTimeSec=_NUMBER,
    encodedRoute=_TEXT,
)
_QUOTE_DATA = {
    "type": "object",
    "properties": {"quoteResponse": _QUOTE_RESPONSE, "contracts": _all_of(**_CONTRACTS)},
    "required": ["contracts"],
}
_OFFER = _all_of(quoteID=_TEXT, solverID=_TEXT, receiveSignedIntentUrl=_TEXT, quoteData=_QUOTE_DATA)

ANSWER = _all_of(data={"type": "array", "items": _OFFER})

EXAMPLE: dict[str, Any] = {
    "data": [
        {
            "quoteID": "string",
            "solverID": "string",
            "receiveSignedIntentUrl": "string",
            "quoteData": {
                "contracts": {
                    "sourcePortal": "0x1234567890abcdef1234567890abcdef12345678",
                    "destinationPortal": "0x567890abcdef1234567890abcdef1234567890ab",
                    "prover": "0xabcdef1234567890abcdef1234567890abcdef12",
                },
                "quoteResponse": {
                    "intentExecutionType": "SELF_PUBLISH",
                    "sourceChainID": 1,
                    "destinationChainID": 42161,
                    "sourceToken": "0xA0b86a33E6441e45C3b9d1C3D6a0b5be4b7b5b5a",
                    "destinationToken": "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8",
                    "sourceAmount": "1000000",
                    "destinationAmount": "995000",
                    "funder": "0x742d35Cc6527C92b4A1F3a2a8b1c9b3e8c4c5b2a",
                    "refundRecipient": "0x742d35Cc6527C92b4A1F3a2a8b1c9b3e8c4c5b2a",
                    "recipient": "0x8Ba1c0a8B4A4b9e8A9f1a6B7c8d9e0F1234567890",
                    "fees": [
                        {
                            "name": "Solver Fee",
                            "description": "Fee paid to the solver for executing the cross-chain swap",
                            "token": {
                                "address": "0xA0b86a33E6441e45C3b9d1C3D6a0b5be4b7b5b5a",
                                "decimals": 6,
                                "symbol": "USDC",
                            },
                            "amount": "1000",
                        }
                    ],
                    "deadline": 1672531200,
                    "estimatedFulfillTimeSec": 300,
                    "encodedRoute": "0x",
                },
            },
        }
    ]
}
"""The description's example of an answer, its route left out. Its recipient has 41 digits: no address."""
