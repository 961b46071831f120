// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Not a stand-in: anybody's contract that emits whatever event it is told to, to see who believes it.
contract Liar {
    function say(bytes32[] calldata topics, bytes calldata data) external {
        bytes memory copy = data;
        bytes32 first = topics[0];
        if (topics.length == 1) {
            assembly {
                log1(add(copy, 32), mload(copy), first)
            }
        } else {
            bytes32 second = topics[1];
            assembly {
                log2(add(copy, 32), mload(copy), first, second)
            }
        }
    }
}
