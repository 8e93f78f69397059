from tasks import double

messages = [double.send(n) for n in range(5)]
print('results:', [message.get_result(block=True, timeout=30000) for message in messages])
