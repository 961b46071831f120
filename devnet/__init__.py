"""Real chains and real contracts on this machine, for the demo and the tests.

    control   up, status, down: starts and stops everything
    faucet    fund, advance: money and time for tests
    commands  the same as `l2send devnet ...`

`up` fetches pinned npm packages (packages), starts a supervisor that owns every other process
(supervisor), which starts one anvil per chain (anvil), deploys the real contracts on each (deploy)
and runs a solver that quotes and fills intents (solver). What is running is written down in
`state`; what the other rooms need to know of it, in a registry of the project's own format (registry).
"""
