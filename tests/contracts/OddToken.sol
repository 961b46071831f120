// SPDX-License-Identifier: MIT
// An ERC-20 token that may keep a part of what is transferred, or count balances in shares of a pool that grows.
// A stand-in for tests: such tokens exist, and no npm package has the contracts of one.
pragma solidity ^0.8.20;

contract OddToken {
    uint8 public constant decimals = 6;
    uint256 public immutable feeBps;
    bool public immutable rebases;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(uint256 feeBps_, bool rebases_) {
        feeBps = feeBps_;
        rebases = rebases_;
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function sharesOf(address account) external view returns (uint256) {
        require(rebases, "counts no shares");
        return balanceOf[account];
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private returns (bool) {
        uint256 arrives = value - value * feeBps / 10_000;
        balanceOf[from] -= value;
        balanceOf[to] += arrives;
        emit Transfer(from, to, arrives);
        return true;
    }
}
