// An HTTP API in one action. An action keeps nothing between invocations: a real one would ask a database for `orders`.
const orders = [
  { id: 1, item: "tea", quantity: 2 },
  { id: 2, item: "milk", quantity: 1 },
];

const reply = (statusCode, body, headers) => ({ statusCode, headers, body });
const notAllowed = (allow) => reply(405, { error: `only ${allow}` }, { allow });
const isOrder = ({ item, quantity }) => typeof item === "string" && Number.isInteger(quantity) && quantity > 0;

function main({ __ow_method: method, __ow_path: path, item, quantity }) {
  const isRead = method === "get" || method === "head";
  const order = { item, quantity };
  if (path === "" || path === "/") {
    if (isRead) return reply(200, item ? orders.filter((order) => order.item === item) : orders);
    if (method !== "post") return notAllowed("GET, HEAD, POST");
    if (!isOrder(order)) return reply(400, { error: "an order has an item and a quantity" });
    const id = orders.length + 1;
    return reply(201, { id, ...order }, { location: `/orders/${id}` });
  }
  const found = orders.find(({ id }) => path === `/${id}`);
  if (!found) return reply(404, { error: `no order ${path.slice(1)}` });
  if (isRead) return reply(200, found);
  if (method === "delete") return reply(204);
  if (method !== "put") return notAllowed("GET, HEAD, PUT, DELETE");
  if (!isOrder(order)) return reply(400, { error: "an order has an item and a quantity" });
  return reply(200, { id: found.id, ...order });
}
