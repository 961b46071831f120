"""Real chains and real contracts on this machine, for the demo and the tests.

    control   up, status, down: starts and stops everything
    faucet    fund, advance: money and time for tests
    commands  the same as `l2send devnet ...`

`up` fetches pinned npm packages (packages), starts a supervisor that owns every other process (supervisor), which
starts one anvil per chain (anvil), deploys the real contracts on each (deploy) and runs a solver that quotes and fills
intents (solver). `state` records what is running; a registry in the project's own format tells the other rooms about it
(registry).
"""
