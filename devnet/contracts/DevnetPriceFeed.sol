// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The price feed of the devnet: a stand-in for a Chainlink AggregatorV3 of ETH in USD.
/// @notice Always fresh: `updatedAt` is the time of the block that is asked. Anyone may set the answer.
contract DevnetPriceFeed {
    uint8 public constant decimals = 8;
    uint256 public constant version = 1;
    string public constant description = "ETH / USD";

    int256 private _answer;
    uint80 private _round = 1;

    constructor(int256 answer) {
        _answer = answer;
    }

    /// @param answer US dollars per ether, in units of 10^-8 dollar.
    function setAnswer(int256 answer) external {
        _answer = answer;
        _round += 1;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (_round, _answer, block.timestamp, block.timestamp, _round);
    }
}
