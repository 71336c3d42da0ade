package tap

// how is what is shown of a field.
type how uint8

const (
	_      how = iota
	value      // the value itself
	moment     // a time
	named      // the name of a number of a table
	place      // a position: incarnation and index
	mark       // a mark: the same for the same value, while one Watcher watches
	drop       // the mark of its hash, which other frames hold
	hash       // the first 8 bytes
	digest     // how many bytes, and the first 8 of their SHA-256
	size       // how many bytes
	count      // how many elements
	hidden     // of a number, that it is one
	done       // of a time, whether it is there
	body       // the fields of a signed body, each by its own rule
	leaf       // what it says, as of a receipt or a head
)

// rule is what is shown of a field, and why that and no more.
type rule struct {
	how how
	why string
}

// The reasons that many fields share.
const (
	public    = "public, the same for everybody"
	counts    = "counts, says nothing about people"
	gateways  = "the gateway's public key"
	secret    = "a secret: whoever has it can act in its owner's place"
	proof     = "proves something to the gateway; its answer says whether it did"
	noise     = "random, there is nothing to read in it"
	accounts  = "tells the account apart at its gateway"
	devices   = "tells the device apart at its gateway"
	contacts  = "tells the contact apart at the gateway"
	histories = "depends on everything before it, so it tells the account or contact apart"
	sealed    = "sealed; both ends can compare the hash"
	order     = "where it stands in the account's log"
	times     = "when it happened, by the clock of who wrote it"
	records   = "who holds records could find it among them, by its bytes or their hash"
	names     = "tells apart whose record it is; a mark can't be computed from a record"
	moments   = "holders saw when the record came to them: a moment would find it among theirs"
	channels  = "tells the contact apart, as a drop does"
	places    = "computed from a record's name: who holds records could find it among them"
	peers     = "public, about gateways only"
)

// rules say what is shown of every field of every frame, and of the bodies of
// signed objects. A field that is missing here is not shown.
var rules = map[string]rule{
	"client_hello.min_version": {value, public},
	"client_hello.max_version": {value, public},
	"client_hello.network":     {value, public},
	"client_hello.random":      {size, noise},
	"client_hello.node":        {value, gateways},
	"client_hello.gateway":     {size, peers},

	"server_hello.version":    {value, public},
	"server_hello.network":    {value, public},
	"server_hello.random":     {size, noise},
	"server_hello.node":       {value, gateways},
	"server_hello.time":       {moment, times},
	"server_hello.descriptor": {digest, peers},

	"limits.frame":         {value, public},
	"limits.message":       {value, public},
	"limits.in_flight":     {value, public},
	"limits.push_window":   {value, public},
	"limits.retention":     {value, public},
	"limits.quota":         {value, public},
	"limits.drops":         {value, public},
	"limits.doors":         {value, public},
	"limits.devices":       {value, public},
	"limits.profiles":      {value, public},
	"limits.register_bits": {value, public},

	"object.body": {body, "signed, not secret; each field has its own rule"},
	"object.sig":  {size, proof},

	"register.invite": {size, secret},
	"register.work":   {size, proof},

	"login.key": {mark, devices},
	"login.sig": {size, proof},

	"welcome.tag":    {mark, accounts},
	"welcome.cursor": {place, order},
	"welcome.r":      {mark, histories},
	"welcome.used":   {value, counts},
	"welcome.quota":  {value, counts},
	"welcome.sig":    {size, proof},

	"drop_put.capability": {size, secret},

	"door_put.capability": {size, secret},
	"door_put.profile":    {mark, "tells the card apart: with it one finds its owner's profile"},
	"door_put.x":          {size, "with the profile key it tells the door"},
	"door_put.number":     {moment, times},
	"door_put.claim":      {size, proof},
	"door_put.bits":       {value, public},

	"submit.drop":     {drop, contacts},
	"submit.mac":      {size, "made with the capability, for this envelope"},
	"submit.envelope": {digest, sealed},
	"submit.work":     {size, proof},

	"commit.leaves":      {value, counts},
	"commit.time":        {moment, times},
	"commit.sig":         {size, proof},
	"commit.path":        {count, "hashes of what concerns others"},
	"commit.items.id":    {value, counts},
	"commit.items.index": {value, counts},
	"commit.items.leaf":  {leaf, "a receipt or a head; its parts as in other frames"},

	"push.position": {place, order},
	"push.kind":     {named, counts},
	"push.drop":     {drop, contacts},
	"push.k":        {value, counts},
	"push.hash":     {hash, sealed},
	"push.d":        {mark, histories},
	"push.time":     {moment, times},
	"push.payload":  {digest, sealed},

	"ack.upto": {place, order},
	"ack.r":    {mark, histories},
	"ack.sig":  {size, proof},

	"state_get.drop":  {drop, contacts},
	"state_get.asked": {mark, "names a receipt"},
	"state_get.k":     {value, counts},
	"state_get.d0":    {mark, histories},

	"state.acks": {count, "the devices' signatures on how far they have come"},

	"profile_put.name":   {mark, "tells the card apart: with it one finds its owner's profile"},
	"profile_put.number": {moment, times},
	"profile_put.claim":  {size, proof},
	"profile_put.blob":   {digest, sealed},

	"profile_get.name": {mark, "tells apart who is looked up"},

	"profile.blob": {digest, sealed},

	"error.code":   {named, public},
	"error.detail": {value, "for people, and without secrets; long words, which could be keys, are left out"},

	"pong.seen":        {size, "where the one who asked is"},
	"find_node.target": {size, places},
	"nodes.contacts":   {size, peers},
	"find_value.key":   {size, places},
	"value.record":     {size, records},
	"value.contacts":   {size, peers},

	"store.items.record": {size, records},
	"store.items.index":  {value, counts},
	"store.items.stamp":  {size, "made for a place, and found again by trying places"},
	"stored.codes":       {named, public},

	"reach.contact": {size, peers},

	"publish.items.record": {size, records},
	"publish.items.index":  {value, counts},
	"publish.items.stamp":  {size, "made for a place, and found again by trying places"},
	"publish.wide":         {value, public},
	"published.holders":    {count, counts},

	"relay.channel":       {mark, channels},
	"relay.n":             {value, counts},
	"relay.encapsulation": {size, "random, and the same for who else sees the request"},
	"relay.sealed":        {size, "sealed; the exit sees the same bytes, so their hash would join both"},

	"forward.target":        {value, gateways},
	"forward.host":          {value, "where that gateway is"},
	"forward.port":          {value, "where that gateway is"},
	"forward.channel":       {mark, channels},
	"forward.n":             {value, counts},
	"forward.encapsulation": {size, "random, and the same for who else sees the request"},
	"forward.sealed":        {size, "sealed; the exit sees the same bytes, so their hash would join both"},

	"forwarded.channel": {mark, channels},
	"forwarded.n":       {value, counts},
	"forwarded.nonce":   {size, noise},
	"forwarded.sealed":  {size, "sealed; the exit sees the same bytes, so their hash would join both"},

	"record_get.name":  {mark, names},
	"record_get.day":   {value, "the same for everybody who looks somebody up"},
	"record_get.fresh": {value, counts},

	"record.record": {size, records},

	"deposit_put.items.name":   {mark, names},
	"deposit_put.items.day":    {value, "the same for everybody"},
	"deposit_put.items.first":  {hidden, moments},
	"deposit_put.items.last":   {hidden, moments},
	"deposit_put.items.record": {size, records},

	"deposits.items.name":     {mark, names},
	"deposits.items.day":      {value, "the same for everybody"},
	"deposits.items.seq":      {hidden, "stands in the record"},
	"deposits.items.holders":  {value, counts},
	"deposits.items.stored":   {done, moments},
	"deposits.items.verified": {done, moments},

	"descriptor_get.node": {value, gateways},
	"descriptor_get.host": {value, "where that gateway is"},
	"descriptor_get.port": {value, "where that gateway is"},
	"descriptor.object":   {digest, peers},
	"gateways_get.count":  {value, counts},
	"gateways.objects":    {count, peers},

	"enrolment.op":      {named, public},
	"enrolment.account": {mark, accounts},
	"enrolment.login":   {mark, devices},
	"enrolment.cursor":  {mark, devices},
	"enrolment.time":    {moment, times},

	"drop_object.op":              {named, public},
	"drop_object.account":         {mark, accounts},
	"drop_object.drop":            {drop, contacts},
	"drop_object.capability_hash": {size, "the hash of a secret"},
	"drop_object.time":            {moment, times},

	"refusal.node":          {value, gateways},
	"refusal.drop_hash":     {mark, contacts},
	"refusal.envelope_hash": {hash, sealed},
	"refusal.code":          {named, public},
	"refusal.time":          {moment, times},
	"refusal.bits":          {value, public},

	"drop_state.node":           {value, gateways},
	"drop_state.tag":            {mark, accounts},
	"drop_state.drop_hash":      {mark, contacts},
	"drop_state.d0":             {mark, histories},
	"drop_state.start":          {place, order},
	"drop_state.low":            {value, counts},
	"drop_state.k":              {value, counts},
	"drop_state.d":              {mark, histories},
	"drop_state.head":           {place, order},
	"drop_state.r":              {mark, histories},
	"drop_state.time":           {moment, times},
	"drop_state.asked":          {mark, "names a receipt"},
	"drop_state.asked_k":        {value, counts},
	"drop_state.asked_d":        {mark, histories},
	"drop_state.asked_row":      {place, order},
	"drop_state.cursors.login":  {mark, devices},
	"drop_state.cursors.cursor": {mark, devices},
	"drop_state.cursors.from":   {place, order},
	"drop_state.cursors.upto":   {place, order},
	"drop_state.cursors.r":      {mark, histories},
	"drop_state.cursors.ack":    {mark, devices},
}
