function main() { return {"body":"iVBORw0KGgo","headers":{"content-type":"image/png"}}; }
