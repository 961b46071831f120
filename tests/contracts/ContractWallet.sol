// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// An account that is a contract, as small as it can be, for tests alone: it makes the calls it is told to, and takes
// coin. Receiving costs it gas for an event, as it costs a Safe: a refund by `transfer` would not arrive.
contract ContractWallet {
    event Received(address indexed from, uint256 amount);

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    function execute(address to, uint256 value, bytes calldata data) external {
        (bool done, bytes memory answer) = to.call{value: value}(data);
        if (!done) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}
