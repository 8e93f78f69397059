require_relative 'jobs'

5.times { |n| Double.perform_async(n) }
sleep 0.1 while Sidekiq.redis { |redis| redis.llen('results') } < 5
puts "results: #{Sidekiq.redis { |redis| redis.lrange('results', 0, -1) }.map(&:to_i).sort}"
