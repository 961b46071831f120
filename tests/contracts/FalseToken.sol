// SPDX-License-Identifier: MIT
// A token of the old kind: where a transfer cannot be, it answers false and does not revert. EIP-20 lets it.
// A stand-in for tests: such tokens exist, and no npm package has the contracts of one.
pragma solidity ^0.8.20;

contract FalseToken {
    uint8 public constant decimals = 6;
    bool public frozen;
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function freeze(bool frozen_) external {
        frozen = frozen_;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (frozen || balanceOf[msg.sender] < value) return false;
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        return true;
    }
}
