// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// Stand-ins with the interfaces of BootNode's Hyperlane7683 router, which no npm package has, and of Hyperlane's
// Mailbox, for tests alone.
//
// The same: order ids, what `open` overwrites and `refund` takes raw, statuses, who pays which account, the route checks of the
// client (localDomain, routers, destinationGas, quoteGasPayment, which reverts for a domain without a router), that a
// refund is asked for on the destination and may be asked for again, the format, id and events of its message, that
// the mailbox alone brings a message in, and each message once.
// Not here: validators and their proofs (anyone may bring a message that the other mailbox has sent), hooks, the
// solver's `settle`, gasless orders, Permit2, upgrades, owners, the return of surplus fees.

interface IToken {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IRouter {
    function handle(uint32 origin, bytes32 sender, bytes calldata body) external payable;
}

contract StandInMailbox {
    event Dispatch(address indexed sender, uint32 indexed destination, bytes32 indexed recipient, bytes message);
    event DispatchId(bytes32 indexed messageId);

    uint32 public nonce;
    mapping(bytes32 => bool) public delivered;

    // A message: version, nonce, origin, sender, destination, recipient, body, packed.
    function dispatch(uint32 destination, bytes32 recipient, bytes calldata body) external payable returns (bytes32 id) {
        bytes memory message = abi.encodePacked(
            uint8(3), nonce, uint32(block.chainid), bytes32(uint256(uint160(msg.sender))), destination, recipient, body
        );
        nonce += 1;
        id = keccak256(message);
        emit Dispatch(msg.sender, destination, recipient, message);
        emit DispatchId(id);
    }

    function process(bytes calldata message) external {
        require(uint8(message[0]) == 3, "version");
        require(uint32(bytes4(message[41:45])) == uint32(block.chainid), "destination");
        bytes32 id = keccak256(message);
        require(!delivered[id], "delivered");
        delivered[id] = true;
        address recipient = address(uint160(uint256(bytes32(message[45:77]))));
        IRouter(recipient).handle(uint32(bytes4(message[5:9])), bytes32(message[9:41]), message[77:]);
    }
}

contract StandInHyperlane7683 {
    struct OnchainCrossChainOrder {
        uint32 fillDeadline;
        bytes32 orderDataType;
        bytes orderData;
    }

    struct Output {
        bytes32 token;
        uint256 amount;
        bytes32 recipient;
        uint256 chainId;
    }

    struct FillInstruction {
        uint256 destinationChainId;
        bytes32 destinationSettler;
        bytes originData;
    }

    struct ResolvedCrossChainOrder {
        address user;
        uint256 originChainId;
        uint32 openDeadline;
        uint32 fillDeadline;
        bytes32 orderId;
        Output[] maxSpent;
        Output[] minReceived;
        FillInstruction[] fillInstructions;
    }

    struct OrderData {
        bytes32 sender;
        bytes32 recipient;
        bytes32 inputToken;
        bytes32 outputToken;
        uint256 amountIn;
        uint256 amountOut;
        uint256 senderNonce;
        uint32 originDomain;
        uint32 destinationDomain;
        bytes32 destinationSettler;
        uint32 fillDeadline;
        bytes data;
    }

    event Open(bytes32 indexed orderId, ResolvedCrossChainOrder resolvedOrder);
    event Filled(bytes32 orderId, bytes originData, bytes fillerData);
    event Refund(bytes32[] orderIds);

    bytes32 private constant TYPE = keccak256(
        "OrderData(bytes32 sender,bytes32 recipient,bytes32 inputToken,bytes32 outputToken,uint256 amountIn,uint256 amountOut,uint256 senderNonce,uint32 originDomain,uint32 destinationDomain,bytes32 destinationSettler,uint32 fillDeadline,bytes data)"
    );

    mapping(bytes32 => bytes32) public orderStatus;
    mapping(bytes32 => bytes) public openOrders;
    mapping(address => mapping(uint256 => bool)) public usedNonces;
    mapping(uint32 => bytes32) public routers;
    mapping(uint32 => uint256) public destinationGas;
    StandInMailbox public mailbox = new StandInMailbox();
    uint256 public messageFee = 0.0001 ether;

    function localDomain() public view returns (uint32) {
        return uint32(block.chainid);
    }

    function enrollRemoteRouter(uint32 domain, bytes32 router) external {
        routers[domain] = router;
        destinationGas[domain] = 500_000;
    }

    function setDestinationGas(uint32 domain, uint256 gas) external {
        destinationGas[domain] = gas;
    }

    function setMessageFee(uint256 fee) external {
        messageFee = fee;
    }

    function quoteGasPayment(uint32 domain) external view returns (uint256) {
        require(routers[domain] != 0, "No router enrolled for domain");
        return messageFee;
    }

    function resolve(OnchainCrossChainOrder calldata order) external view returns (ResolvedCrossChainOrder memory) {
        return _resolve(order, msg.sender);
    }

    function open(OnchainCrossChainOrder calldata order) external payable {
        ResolvedCrossChainOrder memory resolved = _resolve(order, msg.sender);
        OrderData memory raw = abi.decode(order.orderData, (OrderData));
        require(!usedNonces[msg.sender][raw.senderNonce], "nonce used");
        usedNonces[msg.sender][raw.senderNonce] = true;
        orderStatus[resolved.orderId] = "OPENED";
        openOrders[resolved.orderId] = order.orderData;
        if (raw.inputToken == 0) {
            require(msg.value == raw.amountIn, "value");
        } else {
            require(msg.value == 0, "value");
            require(_token(raw.inputToken).transferFrom(msg.sender, address(this), raw.amountIn), "not paid");
        }
        emit Open(resolved.orderId, resolved);
    }

    function fill(bytes32 orderId, bytes calldata originData, bytes calldata fillerData) external payable {
        require(orderStatus[orderId] == 0, "status");
        require(orderId == keccak256(originData), "order id");
        OrderData memory order = abi.decode(originData, (OrderData));
        require(block.timestamp <= order.fillDeadline, "too late");
        require(order.destinationDomain == localDomain(), "domain");
        orderStatus[orderId] = "FILLED";
        address recipient = address(uint160(uint256(order.recipient)));
        if (order.outputToken == 0) {
            require(msg.value == order.amountOut, "value");
            payable(recipient).transfer(order.amountOut);
        } else {
            require(_token(order.outputToken).transferFrom(msg.sender, recipient, order.amountOut), "not paid");
        }
        emit Filled(orderId, originData, fillerData);
    }

    function refund(OnchainCrossChainOrder[] calldata orders) external payable {
        bytes32[] memory ids = new bytes32[](orders.length);
        for (uint256 i = 0; i < orders.length; i++) {
            require(orders[i].orderDataType == TYPE, "type");
            ids[i] = keccak256(abi.encode(abi.decode(orders[i].orderData, (OrderData))));
            require(orderStatus[ids[i]] == 0, "status");
            require(block.timestamp > orders[i].fillDeadline, "too early");
        }
        uint32 origin = abi.decode(orders[0].orderData, (OrderData)).originDomain;
        require(routers[origin] != 0, "No router enrolled for domain");
        require(msg.value >= messageFee, "fee");
        mailbox.dispatch{value: msg.value}(origin, routers[origin], abi.encode(false, ids, new bytes[](0)));
        emit Refund(ids);
    }

    // What the mailbox calls on the origin once the message has arrived.
    function handle(uint32 messageOrigin, bytes32 messageSender, bytes calldata body) external payable {
        require(msg.sender == address(mailbox), "MailboxClient: sender not mailbox");
        require(routers[messageOrigin] == messageSender, "Enrolled router for domain does not match sender");
        (bool settle, bytes32[] memory ids,) = abi.decode(body, (bool, bytes32[], bytes[]));
        require(!settle, "no solver is paid here");
        for (uint256 i = 0; i < ids.length; i++) {
            _refunded(messageOrigin, messageSender, ids[i]);
        }
    }

    function _refunded(uint32 messageOrigin, bytes32 messageSender, bytes32 orderId) private {
        if (orderStatus[orderId] != "OPENED") return;
        OrderData memory order = abi.decode(openOrders[orderId], (OrderData));
        if (order.destinationDomain != messageOrigin || order.destinationSettler != messageSender) return;
        orderStatus[orderId] = "REFUNDED";
        address sender = address(uint160(uint256(order.sender)));
        if (order.inputToken == 0) {
            (bool paid,) = sender.call{value: order.amountIn}("");
            require(paid, "not paid");
        } else {
            require(_token(order.inputToken).transfer(sender, order.amountIn), "not paid");
        }
    }

    function _resolve(OnchainCrossChainOrder calldata order, address sender)
        private
        view
        returns (ResolvedCrossChainOrder memory resolved)
    {
        require(order.orderDataType == TYPE, "type");
        OrderData memory data = abi.decode(order.orderData, (OrderData));
        require(data.originDomain == localDomain(), "origin");
        data.fillDeadline = order.fillDeadline;
        data.sender = bytes32(uint256(uint160(sender)));
        resolved.user = sender;
        resolved.originChainId = block.chainid;
        resolved.openDeadline = type(uint32).max;
        resolved.fillDeadline = order.fillDeadline;
        resolved.orderId = keccak256(abi.encode(data));
        resolved.maxSpent = new Output[](1);
        resolved.maxSpent[0] =
            Output(data.outputToken, data.amountOut, data.destinationSettler, data.destinationDomain);
        resolved.minReceived = new Output[](1);
        resolved.minReceived[0] = Output(data.inputToken, data.amountIn, 0, data.originDomain);
        resolved.fillInstructions = new FillInstruction[](1);
        resolved.fillInstructions[0] =
            FillInstruction(data.destinationDomain, data.destinationSettler, abi.encode(data));
    }

    function _token(bytes32 word) private pure returns (IToken) {
        return IToken(address(uint160(uint256(word))));
    }
}
