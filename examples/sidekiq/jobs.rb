require 'sidekiq'

Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch('REDIS_URL') } }
Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch('REDIS_URL') } }

class Double
  include Sidekiq::Worker
  def perform(number)
    Sidekiq.redis { |redis| redis.rpush('results', 2 * number) }
  end
end
