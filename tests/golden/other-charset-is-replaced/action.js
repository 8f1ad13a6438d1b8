function main() { return {"body":"é","headers":{"content-type":"text/html; charset=\"latin1\"; a=b; charset=utf-16"}}; }
