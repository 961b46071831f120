// SPDX-License-Identifier: MIT
// A token whose approve behaves as Tether's on Ethereum: an allowance that is not zero cannot be changed,
// only taken back. A stand-in for tests: nothing else of Tether's token is here.
pragma solidity ^0.8.20;

contract TetherLike {
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => uint256) public balanceOf;

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, "take it back first");
        allowance[msg.sender][spender] = value;
    }
}
