package qcow2

import (
	"container/list"
	"sync"
)

// cache keeps the values that were used last. It is safe for concurrent use; a
// value must not be changed once it is in.
type cache[K comparable, V any] struct {
	limit int // of values
	mu    sync.Mutex
	order list.List // of *cached; the one used last in front
	at    map[K]*list.Element
}

type cached[K comparable, V any] struct {
	key   K
	value V
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, at: make(map[K]*list.Element)}
}

// get returns the value of key, which load makes where it is not there. Two
// callers at once may both load it; what fails to load is not kept.
func (c *cache[K, V]) get(key K, load func() (V, error)) (V, error) {
	c.mu.Lock()
	if e := c.at[key]; e != nil {
		c.order.MoveToFront(e)
		v := e.Value.(*cached[K, V]).value
		c.mu.Unlock()
		return v, nil
	}
	c.mu.Unlock()
	v, err := load()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[key] == nil {
		c.at[key] = c.order.PushFront(&cached[K, V]{key, v})
		for c.order.Len() > c.limit {
			last := c.order.Back()
			c.order.Remove(last)
			delete(c.at, last.Value.(*cached[K, V]).key)
		}
	}
	return v, nil
}
