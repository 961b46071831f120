// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Stand-ins with the interfaces of the Open Intents Framework's InputSettlerEscrow and OutputSettlerSimple, which
// no npm package has, for tests alone.
//
// The same: order ids, output hashes, checks of `open`, fill records, who pays which account, refund after `expires`.
// Not here: oracles and the solver's `finalise`, openFor, Permit2, ERC-3009, purchases, callbacks, auctions,
// exclusivity.

struct MandateOutput {
    bytes32 oracle;
    bytes32 settler;
    uint256 chainId;
    bytes32 token;
    uint256 amount;
    bytes32 recipient;
    bytes callbackData;
    bytes context;
}

struct StandardOrder {
    address user;
    uint256 nonce;
    uint256 originChainId;
    uint32 expires;
    uint32 fillDeadline;
    address inputOracle;
    uint256[2][] inputs;
    MandateOutput[] outputs;
}

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

contract StandInInputSettler {
    event Open(bytes32 indexed orderId, StandardOrder order);
    event Refunded(bytes32 indexed orderId);

    // 0 none, 1 deposited, 2 claimed, 3 refunded
    mapping(bytes32 => uint8) public orderStatus;

    function orderIdentifier(StandardOrder calldata order) public view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                block.chainid,
                address(this),
                order.user,
                order.nonce,
                order.expires,
                order.fillDeadline,
                order.inputOracle,
                keccak256(abi.encodePacked(order.inputs)),
                abi.encode(order.outputs)
            )
        );
    }

    function open(StandardOrder calldata order) external {
        require(order.originChainId == block.chainid, "chain");
        require(block.timestamp < order.fillDeadline, "too late");
        require(block.timestamp < order.expires, "expired");
        require(order.fillDeadline <= order.expires, "expires first");
        bytes32 id = orderIdentifier(order);
        require(orderStatus[id] == 0, "status");
        orderStatus[id] = 1;
        for (uint256 i = 0; i < order.inputs.length; i++) {
            IToken token = IToken(address(uint160(order.inputs[i][0])));
            require(token.transferFrom(msg.sender, address(this), order.inputs[i][1]), "not paid");
        }
        emit Open(id, order);
    }

    function refund(StandardOrder calldata order) external {
        require(order.originChainId == block.chainid, "chain");
        require(block.timestamp > order.expires, "too early");
        bytes32 id = orderIdentifier(order);
        require(orderStatus[id] == 1, "status");
        orderStatus[id] = 3;
        for (uint256 i = 0; i < order.inputs.length; i++) {
            IToken token = IToken(address(uint160(order.inputs[i][0])));
            require(token.transfer(order.user, order.inputs[i][1]), "not paid");
        }
        emit Refunded(id);
    }
}

contract StandInOutputSettler {
    event OutputFilled(
        bytes32 indexed orderId, bytes32 solver, uint32 timestamp, MandateOutput output, uint256 finalAmount
    );

    mapping(bytes32 => mapping(bytes32 => bytes32)) private records;

    function getFillRecord(bytes32 orderId, bytes32 outputHash) external view returns (bytes32) {
        return records[orderId][outputHash];
    }

    // The deadline is the caller's word, as in the original: nothing compares it with the order's.
    function fill(bytes32 orderId, MandateOutput calldata output, uint48 fillDeadline, bytes calldata fillerData)
        external
        payable
        returns (bytes32 record)
    {
        require(fillDeadline >= block.timestamp, "too late");
        require(output.chainId == block.chainid, "chain");
        require(output.settler == bytes32(uint256(uint160(address(this)))), "settler");
        bytes32 outputHash = keccak256(
            abi.encodePacked(
                output.oracle,
                output.settler,
                output.chainId,
                output.token,
                output.amount,
                output.recipient,
                uint16(output.callbackData.length),
                output.callbackData,
                uint16(output.context.length),
                output.context
            )
        );
        record = records[orderId][outputHash];
        if (record != 0) return record;
        bytes32 solver = bytes32(fillerData[:32]);
        record = keccak256(abi.encodePacked(solver, uint32(block.timestamp)));
        records[orderId][outputHash] = record;
        IToken token = IToken(address(uint160(uint256(output.token))));
        require(
            token.transferFrom(msg.sender, address(uint160(uint256(output.recipient))), output.amount), "not paid"
        );
        emit OutputFilled(orderId, solver, uint32(block.timestamp), output, output.amount);
    }
}
