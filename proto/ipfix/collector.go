package ipfix

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/openifit/openifit/proto/ipfix/ie"
)

// PeerKey tells Transport Sessions over UDP apart (RFC 7011 section 9.3).
type PeerKey struct {
	Exporter, Collector netip.AddrPort
}

// CollectorConfig is what a Collector needs to know. Zero values stand for the
// defaults.
type CollectorConfig struct {
	Model *ie.Model
	// Sessions held at once; default 1024.
	Sessions int
	// IdleTimeout after which a session may be given up for a new one; default
	// 30 min, as long as templates live. Sessions without templates have to
	// make room after a minute.
	IdleTimeout time.Duration
	// Session limits each peer.
	Session Limits
}

// CollectorStats counts what concerns no single session.
type CollectorStats struct {
	// Sessions begun, and ended because they were idle.
	Sessions, IdleSessions uint64
	// MalformedMessages came from senders without a session.
	MalformedMessages uint64
	// RefusedMessages came from new peers when all sessions were taken.
	RefusedMessages uint64
}

// Collector keeps the Sessions of all peers that send to it over UDP. No peer
// can push another one's session out while that is in use. It is not safe for
// concurrent use.
type Collector struct {
	cfg      CollectorConfig
	sessions map[PeerKey]*peer
	// swept is when idle sessions were looked for last.
	swept time.Time
	stats CollectorStats
}

type peer struct {
	session *Session
	seen    time.Time
}

// sweepInterval keeps a flood of new peers from searching all sessions for
// each of its Messages.
const sweepInterval = time.Second

// strangerTimeout is for peers without templates.
const strangerTimeout = time.Minute

// NewCollector makes a Collector without sessions.
func NewCollector(cfg CollectorConfig) *Collector {
	if cfg.Model == nil {
		cfg.Model = ie.NewModel(0)
	}
	if cfg.Sessions <= 0 {
		cfg.Sessions = 1024
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = 30 * time.Minute
	}
	return &Collector{cfg: cfg, sessions: map[PeerKey]*peer{}}
}

// Stats returns the counters.
func (c *Collector) Stats() CollectorStats { return c.stats }

// Decode hands a Message to its peer's session and returns what Session.Decode
// returns, or ErrLimit when there are too many peers. A malformed Message from
// an unknown peer begins no session.
func (c *Collector) Decode(now time.Time, key PeerKey, msg []byte, visit func(*Record)) error {
	p := c.sessions[key]
	if p == nil {
		if _, err := ParseHeader(msg); err != nil {
			c.stats.MalformedMessages++
			return fmt.Errorf("first message from %s: %w", key.Exporter, err)
		}
		if !c.room(now) {
			c.stats.RefusedMessages++
			return fmt.Errorf("message from new peer %s: %w", key.Exporter, ErrLimit)
		}
		p = &peer{session: NewSession(c.cfg.Model, UDP, c.cfg.Session)}
		c.sessions[key] = p
		c.stats.Sessions++
	}
	p.seen = now
	if err := p.session.Decode(now, msg, visit); err != nil {
		return fmt.Errorf("message from %s: %w", key.Exporter, err)
	}
	return nil
}

func (c *Collector) room(now time.Time) bool {
	if len(c.sessions) < c.cfg.Sessions {
		return true
	}
	if now.Sub(c.swept) < sweepInterval {
		return false
	}
	c.swept = now
	for key, p := range c.sessions {
		if now.Sub(p.seen) > p.patience(c.cfg.IdleTimeout) {
			delete(c.sessions, key)
			c.stats.IdleSessions++
		}
	}
	return len(c.sessions) < c.cfg.Sessions
}

// patience is how long the session may be idle. One that never brought a
// template explains nothing that could still come, and may be a forged sender's.
func (p *peer) patience(idle time.Duration) time.Duration {
	if len(p.session.templates) == 0 {
		return min(idle, strangerTimeout)
	}
	return idle
}

// Each visits the sessions, in no order.
func (c *Collector) Each(visit func(PeerKey, *Session)) {
	for key, p := range c.sessions {
		visit(key, p.session)
	}
}
