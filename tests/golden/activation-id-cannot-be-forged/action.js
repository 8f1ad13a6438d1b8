function main() { return {"headers":{"X-OpenWhisk-Activation-Id":"forged"}}; }
