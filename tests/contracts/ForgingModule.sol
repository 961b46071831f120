// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface ISafe {
    function execTransactionFromModule(address to, uint256 value, bytes memory data, uint8 operation)
        external
        returns (bool success);
}

// Not a stand-in: a module that has its Safe emit the event of a transaction which the Safe never ran.
contract ForgingModule {
    event ExecutionSuccess(bytes32 indexed txHash, uint256 payment);

    function forge(address safe, bytes32 txHash) external {
        require(ISafe(safe).execTransactionFromModule(address(this), 0, abi.encodeCall(this.emitAs, (txHash)), 1));
    }

    function emitAs(bytes32 txHash) external {
        emit ExecutionSuccess(txHash, 0);
    }
}
