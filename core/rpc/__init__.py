"""JSON-RPC to many chains at once. This file lists the names that other rooms import; each task has its own file.

- exchange.py   one request, one answer; node_errors.py what an error means, by the table node_errors.toml
- failover.py   one request to a chain's endpoints in turn
- values.py     JSON values, read strictly; calls.py, simulation.py, logs.py, broadcasts.py the requests
- client.py     `Rpc`, one chain; `Rpcs`, all of them
"""

from l2send.core.rpc.broadcasts import BroadcastReply, Reply
from l2send.core.rpc.calls import ETH_BALANCE, Aggregate, Call
from l2send.core.rpc.client import Rpc, Rpcs, open_rpcs
from l2send.core.rpc.failover import Endpoint, both, if_offered
from l2send.core.rpc.logs import Log
from l2send.core.rpc.simulation import Simulated
from l2send.core.rpc.values import block_number, count, data_bytes, gas_amount, quantity, record, unix_time, wei_per_gas

__all__ = [
    "ETH_BALANCE",
    "Aggregate",
    "BroadcastReply",
    "Call",
    "Endpoint",
    "Log",
    "Reply",
    "Rpc",
    "Rpcs",
    "Simulated",
    "block_number",
    "both",
    "count",
    "data_bytes",
    "gas_amount",
    "if_offered",
    "open_rpcs",
    "quantity",
    "record",
    "unix_time",
    "wei_per_gas",
]
